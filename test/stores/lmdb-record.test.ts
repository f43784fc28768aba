import { test } from 'tap'
import { decodeRecord, encodeRecord } from '../../lib/stores/lmdb-record.ts'
import { newRecord } from '../builders/record.ts'

test("a record is read as it was written, whatever the user's name is made of", (t) => {
  for (const userId of ['ada', '', '\0', 'a\0b\0', '\n{"🗝️"}']) {
    const record = newRecord({ userId, payload: '{\n  "role": "admin"\n}', revision: 7 })
    t.same(decodeRecord(record.handle, encodeRecord(record)), record)
  }
  t.end()
})
