import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** Bodies in JSON that name no user. */
const BODIES = [
  'null',
  '[]',
  '"ada"',
  '{}',
  '{"userId":null}',
  '{"userId":""}',
  '{"userId":{}}',
  '{"userId":["ada","bob"]}',
  '{"userId":"a\\u0000"}',
  '{"userId":"\\ud800"}',
  `{"userId":"${'x'.repeat(600)}"}`,
  '{"__proto__":{"userId":"ada"}}'
]

/** Checks that a login answers with 422 whatever has no user that can have a session. */
export async function refuseBadLogins(
  t: Test,
  app: FastifyInstance,
  url = '/login'
): Promise<void> {
  const send = async (type: string, payload: string) => {
    const headers = { 'content-type': type }
    const { statusCode } = await app.inject({ method: 'POST', url, headers, payload })
    t.equal(statusCode, 422, payload.slice(0, 40))
  }
  for (const body of BODIES) await send('application/json', body)
  await send('text/plain', 'ada')
  t.equal((await app.inject({ method: 'POST', url })).statusCode, 422, 'no body')
}
