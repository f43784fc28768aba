import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { type LmdbStoreOptions, lmdbStore } from '../../lib/stores/lmdb.ts'
import { newFolder } from '../builders/folder.ts'
import { handlesOf } from '../builders/handles-of.ts'
import { newRecord } from '../builders/record.ts'
import { testStoreContract } from './contract.ts'

const builder = (name: string) => fileURLToPath(new URL(`../builders/${name}.js`, import.meta.url))
const writer = builder('lmdb-writer')
const fullDisk = builder('lmdb-full-disk')

testStoreContract('lmdbStore', async (t) => {
  const path = await newFolder(t)
  return () => lmdbStore({ path })
})

test('what two killed processes had acknowledged is there, here and on reopening', async (t) => {
  const path = await newFolder(t)
  const store = lmdbStore({ path })
  t.teardown(() => store.close())
  const writers = [0, 1].map(() => spawn(process.execPath, [writer, path]))
  const acknowledged = await Promise.all(
    writers.map(async (child) => {
      const exited = once(child, 'exit')
      const handles: string[] = []
      for await (const handle of createInterface(child.stdout)) {
        handles.push(handle)
        if (handles.length === 50) child.kill('SIGKILL')
      }
      await exited
      return handles
    })
  )
  const handles = acknowledged.flat()
  t.ok(handles.length >= 100)
  for (const handle of handles) t.ok(store.get(handle), 'is seen by who was there')
  await store.close()

  const reopened = lmdbStore({ path })
  t.teardown(() => reopened.close())
  const listed = new Set(await handlesOf(reopened, 'ada'))
  for (const handle of handles) t.ok(listed.has(handle), 'is seen by who comes')
  const record = newRecord()
  await reopened.insert(record)
  t.same(reopened.get(record.handle), record, 'no lock was left behind')
})

test('on a full disk writes are refused, and the process goes on with what it has', async (t) => {
  const path = await newFolder(t)
  // Blocks of 512 bytes, or of 1024 where sh is bash. What is written beyond is an error.
  const limited = `trap '' XFSZ; ulimit -f 8000; exec "$0" "$1" "$2"`
  const child = spawn('sh', ['-c', limited, process.execPath, fullDisk, path])
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.equal(code, 0)
  const { refusals, lost, acknowledged } = JSON.parse(output)
  t.equal(refusals, 2)
  t.equal(lost, 0)
  t.ok(acknowledged > 2)
})

test('reads answer at once, without a promise', async (t) => {
  const store = lmdbStore({ path: await newFolder(t) })
  t.teardown(() => store.close())
  const record = newRecord()
  await store.insert(record)
  t.same(store.get(record.handle), record)
  t.same(store.listKeys(), [])
})

test('hundreds of sessions are deleted, batch by batch', async (t) => {
  const store = lmdbStore({ path: await newFolder(t) })
  t.teardown(() => store.close())
  const nowMs = Date.now()
  const users = ['ada', 'bob'] as const
  const records = users.flatMap((userId) =>
    Array.from({ length: 250 }, () => newRecord({ userId, expiresAt: nowMs + 1 }))
  )
  await Promise.all(records.map((record) => store.insert(record)))
  const handles = await handlesOf(store, 'ada', nowMs)
  t.equal((await store.delete(handles)).length, 250)
  t.equal(await store.deleteExpired(nowMs, 500), 0)
  t.equal(await store.deleteExpired(nowMs + 1, 220), 220)
  t.equal(await store.deleteExpired(nowMs + 1, 220), 30)
})

test('a record that LMDB cannot keep rejects, and leaves nothing', async (t) => {
  const store = lmdbStore({ path: await newFolder(t) })
  t.teardown(() => store.close())
  const record = newRecord({ handle: 'h'.repeat(3000) })
  await t.rejects(async () => store.insert(record))
  t.same(await handlesOf(store, record.userId, 0), [])
})

test('options that do not fit are refused by name', (t) => {
  const isRefused = (options: unknown, option: string) =>
    t.throws(() => lmdbStore(options as LmdbStoreOptions), new RegExp(`Option '${option}'`))
  for (const path of [undefined, '', 7]) isRefused({ path }, 'path')
  isRefused({ path: 'x', folder: 'y' }, 'lmdbStore.folder')
  isRefused('x', 'lmdbStore')
  t.end()
})

test('the folder is the user’s alone from its first moment, and a wider one is warned of', async (t) => {
  const parent = await newFolder(t)
  const warnings: Error[] = []
  const record = (warning: Error) => void warnings.push(warning)
  process.on('warning', record)
  t.teardown(() => process.off('warning', record))
  const mode = async (path: string) => (await stat(path)).mode & 0o777
  const path = join(parent, 'deep', 'sessions')
  const store = lmdbStore({ path })
  t.teardown(() => store.close())
  t.equal(await mode(path), 0o700)
  t.equal(await mode(join(path, 'data.mdb')), 0o600)
  t.equal(await mode(join(path, 'lock.mdb')), 0o600)
  const wide = join(parent, 'wide')
  await mkdir(wide)
  await chmod(wide, 0o755)
  const open = lmdbStore({ path: wide })
  t.teardown(() => open.close())
  await new Promise(setImmediate)
  t.match(warnings, [{ code: 'SUPERSESSION_LMDB_FOLDER', message: /chmod 700/ }])
})
