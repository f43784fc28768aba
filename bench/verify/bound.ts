import { writeRequests } from '../requests.ts'
import { aim, type Group, type GroupContext } from './group.ts'

/** What it adds that a session is bound to a device, whose cookie was seen before. */
export async function boundGroup({ minted, folder, start }: GroupContext): Promise<Group> {
  const bare = await start('bare', { userId: minted.sessions[0]?.userId })
  const bound = await start('bound', { isBound: true })
  const unbound = await start('bound', { isBound: false })

  return {
    title: 'Cookies, bound to a device',
    otherName: 'one that is not bound',
    sessions: [1],
    cases() {
      const [boundRequests, unboundRequests] = [
        writeRequests(folder, 'bound', bound.requests),
        writeRequests(folder, 'unbound', unbound.requests)
      ]
      const other = aim(unbound, unboundRequests)
      return [
        { name: 'not bound', kind: 'ours', target: other, bare: aim(bare, unboundRequests) },
        {
          name: 'bound',
          kind: 'ours',
          target: aim(bound, boundRequests),
          bare: aim(bare, boundRequests),
          other,
          goals: { other: 0.95 }
        }
      ]
    }
  }
}
