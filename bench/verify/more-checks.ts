import { join } from 'node:path'
import { cookieRequest, writeRequests } from '../requests.ts'
import { aim, type Case, type Goals, type Group, type GroupContext } from './group.ts'

/** What a route may ask for besides a good token. */
export async function moreChecksGroup({ minted, folder, start }: GroupContext): Promise<Group> {
  const { sessions, keys } = minted
  const records = sessions.map(({ record }) => record)
  const lmdb = join(folder, 'lmdb')
  const bare = await start('bare', { userId: sessions[0]?.userId })
  const plain = await start('ours', { keys })
  const far = await start('ours', { keys, revocationInterval: 0 })
  const near = await start('ours', { keys, revoked: 10_000 })
  const strict = await start('ours', { keys, checkAntiCsrf: true, validators: 1 })
  const memory = await start('ours', { keys, records, checkDatabase: true })
  const durable = await start('ours', { keys, records, checkDatabase: true, lmdb })

  return {
    title: 'Cookies, and more checks',
    otherName: 'the same without',
    sessions: [1, sessions.length],
    cases(count) {
      const headers = sessions.slice(0, count).map((session) => ({
        ...cookieRequest(session),
        'anti-csrf': session.antiCsrfToken
      }))
      const requests = writeRequests(folder, `more-checks-${count}`, headers)
      const [bareTarget, other] = [aim(bare, requests), aim(plain, requests)]
      const checked = (name: string, server: typeof plain, goals: Goals): Case => ({
        name,
        kind: 'ours',
        target: aim(server, requests),
        bare: bareTarget,
        other,
        goals
      })
      return [
        { name: 'without', kind: 'ours', target: other, bare: bareTarget },
        {
          ...checked('10,000 revoked sessions known', near, { other: 0.99 }),
          other: aim(far, requests)
        },
        checked('anti-CSRF token and one claim', strict, { other: 0.92 }),
        checked('`checkDatabase`, in memory', memory, { other: 0.9 }),
        checked('`checkDatabase`, LMDB', durable, { other: 0.8 })
      ]
    }
  }
}
