import { cookieRequest, type Headers, writeRequests } from '../requests.ts'
import { aim, type Group, type GroupContext } from './group.ts'

/** Tokens in a cookie, among others. */
export async function cookiesGroup({ minted, folder, start }: GroupContext): Promise<Group> {
  const { sessions, keys, jwks } = minted
  const userIds = sessions.map(({ userId }) => userId)
  const bare = await start('bare', { userId: userIds[0] })
  const floor = await start('floor', { by: 'cookie', sessions })
  const parsing = await start('floor', { by: 'parsed cookie', sessions })
  const ours = await start('ours', { keys })
  const supertokens = await start('peers/supertokens', { jwks })
  const session = await start('peers/session', { userIds })
  const secureSession = await start('peers/secure-session', { userIds })
  const betterAuth = await start('peers/better-auth', { userIds })

  return {
    title: 'Cookies',
    sessions: [1, sessions.length],
    cases(count) {
      const write = (name: string, headers: readonly Headers[]) =>
        writeRequests(folder, `${name}-${count}`, headers.slice(0, count))
      const requests = write('cookies', sessions.map(cookieRequest))
      const same = { bare: aim(bare, requests), floor: aim(floor, requests) }
      const sessionRequests = write('session', session.requests)
      const secureRequests = write('secure-session', secureSession.requests)
      const betterAuthRequests = write('better-auth', betterAuth.requests)
      return [
        { name: 'floor', kind: 'floor', target: same.floor, bare: same.bare },
        {
          name: 'floor, @fastify/cookie parsing',
          kind: 'floor',
          target: aim(parsing, requests),
          ...same
        },
        {
          name: 'fastify-supersession',
          kind: 'ours',
          target: aim(ours, requests),
          ...same,
          goals: { bare: 0.92, floor: 1 }
        },
        {
          name: '@fastify/session, in memory',
          kind: 'peer',
          target: aim(session, sessionRequests),
          bare: aim(bare, sessionRequests)
        },
        {
          name: '@fastify/secure-session',
          kind: 'peer',
          target: aim(secureSession, secureRequests),
          bare: aim(bare, secureRequests)
        },
        { name: 'supertokens-node', kind: 'peer', target: aim(supertokens, requests), ...same },
        {
          name: 'better-auth, in memory',
          kind: 'peer',
          target: aim(betterAuth, betterAuthRequests),
          bare: aim(bare, betterAuthRequests)
        }
      ]
    }
  }
}
