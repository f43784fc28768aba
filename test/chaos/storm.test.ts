import { testStorm } from './test-storm.ts'

testStorm({
  processes: 4,
  sessions: 40,
  graceSeconds: 300,
  refreshes: 400,
  kills: 3,
  pauses: 1,
  crashes: 1,
  revocations: 3
})
