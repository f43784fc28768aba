import { type Headers, headerRequest, writeRequests } from '../requests.ts'
import { aim, type Group, type GroupContext } from './group.ts'

/** Tokens in the `Authorization` header. */
export async function headerGroup({ minted, folder, start }: GroupContext): Promise<Group> {
  const { sessions, keys, jwks } = minted
  const tokens = sessions.map(({ accessToken }) => accessToken)
  const bare = await start('bare', { userId: sessions[0]?.userId })
  const floor = await start('floor', { by: 'header', sessions })
  const ours = await start('ours', { keys })
  const supertokens = await start('peers/supertokens', { jwks })
  const rs256 = await start('peers/jwt', { algorithm: 'RS256', cache: true, jwks, tokens })
  const hs256 = await start('peers/jwt', { algorithm: 'HS256', cache: false, tokens })
  const cachedHS256 = await start('peers/jwt', { algorithm: 'HS256', cache: true, tokens })

  return {
    title: 'Authorization header',
    sessions: [1, sessions.length],
    cases(count) {
      const write = (name: string, headers: readonly Headers[]) =>
        writeRequests(folder, `${name}-${count}`, headers.slice(0, count))
      const requests = write('header', sessions.map(headerRequest))
      const same = { bare: aim(bare, requests), floor: aim(floor, requests) }
      const hs256Requests = write('hs256', hs256.requests)
      const cachedRequests = write('cached-hs256', cachedHS256.requests)
      return [
        { name: 'floor', kind: 'floor', target: same.floor, bare: same.bare },
        {
          name: 'fastify-supersession',
          kind: 'ours',
          target: aim(ours, requests),
          ...same,
          goals: { bare: 0.92, floor: 1 }
        },
        {
          name: '@fastify/jwt, RS256 with its cache',
          kind: 'peer',
          target: aim(rs256, requests),
          ...same
        },
        {
          name: '@fastify/jwt, HS256',
          kind: 'peer',
          target: aim(hs256, hs256Requests),
          bare: aim(bare, hs256Requests)
        },
        {
          name: '@fastify/jwt, HS256 with its cache',
          kind: 'peer',
          target: aim(cachedHS256, cachedRequests),
          bare: aim(bare, cachedRequests)
        },
        { name: 'supertokens-node', kind: 'peer', target: aim(supertokens, requests), ...same }
      ]
    }
  }
}
