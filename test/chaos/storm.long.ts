import { testStorm } from './test-storm.ts'

// Part of `npm run test:long`. `npm run chaos` has storms of any size and length.
testStorm({
  processes: 8,
  sessions: 100,
  graceSeconds: 60,
  refreshes: 1500,
  kills: 8,
  pauses: 4,
  crashes: 2,
  revocations: 12
})
