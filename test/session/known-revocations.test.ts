import { test } from 'tap'
import { memoryStore, type Revocation } from '../../lib/index.ts'
import { Revocations, RevocationWatch } from '../../lib/session/known-revocations.ts'
import { newHandle } from '../../lib/session/records.ts'

const ofHandle = (handle: string, until: number): Revocation => ({ handle, until })
const owner = (sessionHandle: string, sub = 'ada') => ({ sessionHandle, sub })

test('a revoked session is known for as long as its access tokens can be around', async (t) => {
  let nowMs = 0
  const revocations = new Revocations(() => nowMs)
  revocations.add([ofHandle('a', 1000), ofHandle('b', 1000)])
  t.ok(revocations.has(owner('a')) && revocations.has(owner('b')))
  t.notOk(revocations.has(owner('c')))
  nowMs = 1000
  revocations.add([ofHandle('c', 2000)])
  t.notOk(revocations.has(owner('a')) || revocations.has(owner('b')))
  t.ok(revocations.has(owner('c')))
})

test('a session that is revoked again does not hold up others', async (t) => {
  let nowMs = 0
  const revocations = new Revocations(() => nowMs)
  revocations.add([ofHandle('again', 1000), ofHandle('a', 1000)])
  nowMs = 900
  revocations.add([ofHandle('again', 1900)])
  nowMs = 1000
  revocations.add([ofHandle('b', 2000)])
  t.notOk(revocations.hasHandle('a'))
  t.ok(revocations.hasHandle('again'))
})

test('an entry is a bounded amount of work, however many have to go', async (t) => {
  let nowMs = 0
  const revocations = new Revocations(() => nowMs)
  const handles = Array.from({ length: 100 }, (_, index) => `h${index}`)
  revocations.add(handles.map((handle) => ofHandle(handle, 1000)))
  nowMs = 1000
  revocations.add([ofHandle('a', 2000)])
  t.equal(handles.filter((handle) => revocations.has(owner(handle))).length, 92)
})

test('one entry stands for all sessions of a user that were created before a time', async (t) => {
  const revocations = new Revocations(() => 0)
  const [before, after] = [newHandle('public', 4999), newHandle('t1', 5000)]
  const random = 'c3f0a4c8-6a2c-4d60-9a3f-0a8f5b6f8f11'
  revocations.add([{ userId: 'ada', createdBefore: 5000, until: 9000 }])
  t.ok(revocations.has(owner(before)))
  t.notOk(revocations.has(owner(after)), 'a login that follows')
  t.notOk(revocations.has(owner(before, 'bob')), 'somebody else')
  t.notOk(revocations.has(owner(random)), 'a handle that does not tell its time is named itself')
  revocations.add([{ userId: 'ada', createdBefore: 4000, until: 9000 }])
  t.ok(revocations.has(owner(before)), 'an older entry takes nothing back')
  revocations.add([{ userId: 'ada', createdBefore: 6000, until: 9000 }])
  t.ok(revocations.has(owner(after)))
})

test('what is in the store is known from the start, and what comes later with the next look', async (t) => {
  const store = memoryStore()
  const many = Array.from({ length: 2500 }, (_, index) => ofHandle(`h${index}`, 9000))
  await store.addRevocations?.(many)
  const known: Revocation[] = []
  const watch = new RevocationWatch(store, {
    now: () => 0,
    intervalMs: 60_000,
    log: { warn: () => t.fail(), info: () => t.fail() },
    onRevoked: (revoked) => known.push(...revoked)
  })
  await watch.start()
  t.teardown(() => watch.stop())
  t.same(known, many)
  await store.addRevocations?.([ofHandle('later', 9000)])
  await watch.poll()
  t.same(known.at(-1), ofHandle('later', 9000))
  t.equal(known.length, 2501)
})

test('a watch that is stopped while it reads asks no more', async (t) => {
  let asked = 0
  const store = {
    revokedSince: async () => {
      asked++
      return { revocations: [], cursor: '', isLast: true }
    }
  }
  const settings = {
    now: Date.now,
    intervalMs: 0,
    log: { warn: () => t.fail(), info: () => t.fail() }
  }
  const watch = new RevocationWatch(store, { ...settings, onRevoked: () => {} })
  const started = watch.start()
  watch.stop()
  await started
  await new Promise((resolve) => setTimeout(resolve, 2))
  t.equal(asked, 1)
})
