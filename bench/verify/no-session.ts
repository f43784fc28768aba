import { randomBytes } from 'node:crypto'
import type { MintedSession } from '../mint.ts'
import { cookieRequest, type Headers, writeRequests } from '../requests.ts'
import { aim, type Case, type Group, type GroupContext } from './group.ts'

/** Requests that end without a session. */
export async function noSessionGroup({ minted, folder, start }: GroupContext): Promise<Group> {
  const { keys, expired } = minted
  const first = minted.sessions[0] as MintedSession
  const bare = await start('bare', { userId: first.userId })
  const ours = await start('ours', { keys })
  const acquainted = await start('ours', { keys, seen: expired })
  const open = await start('ours', { keys, route: 'open' })
  const failing = await start('ours', { keys, route: 'failing' })
  const errorHandler = await start('error-handler', {})
  const floor = await start('floor', { by: 'header', sessions: [] })
  const write = (name: string, headers: Headers) => writeRequests(folder, name, [headers])
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  return {
    title: 'Without a session',
    otherName: 'a bare `setErrorHandler` on an Error with its stack',
    sessions: [1],
    cases() {
      const cookies = write('open', cookieRequest(first))
      const none = write('none', {})
      const refused = (name: string, headers: Headers, goal?: number, server = ours): Case => {
        const requests = write(name, headers)
        return {
          name: `401: ${name}`,
          kind: 'ours',
          target: aim(server, requests, 401),
          bare: aim(bare, requests),
          floor: aim(floor, requests, 401),
          goals: goal === undefined ? {} : { bare: goal }
        }
      }
      return [
        {
          name: 'a route without `verifySession`',
          kind: 'ours',
          target: aim(open, cookies),
          bare: aim(bare, cookies),
          goals: { bare: 0.98 }
        },
        {
          name: '401 of the floor, no token',
          kind: 'floor',
          target: aim(floor, none, 401),
          bare: aim(bare, none)
        },
        refused('no token', {}, 0.85),
        refused('expired token, seen before', bearer(expired.text), 0.8, acquainted),
        refused('expired token, never seen', bearer(expired.text), 0.45),
        refused('rubbish token', bearer(randomBytes(600).toString('base64url')), 0.8),
        refused('a token of an unknown key', bearer(withHeader(first.accessToken, { kid: 'd-1' }))),
        refused('a token with a wrong signature', bearer(withWrongSignature(first.accessToken))),
        {
          name: '`HTTPException(404)`',
          kind: 'ours',
          target: aim(failing, none, 404),
          bare: aim(bare, none),
          other: aim(errorHandler, none, 404),
          goals: { other: 1.2 }
        }
      ]
    }
  }
}

function withHeader(token: string, members: object): string {
  const [header = '', ...rest] = token.split('.')
  const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...members }
  return [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.')
}

function withWrongSignature(token: string): string {
  const [header, payload, signature = ''] = token.split('.')
  const changed = signature.startsWith('A') ? 'B' : 'A'
  return [header, payload, changed + signature.slice(1)].join('.')
}
