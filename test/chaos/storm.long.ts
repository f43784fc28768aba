import { testStorm } from './test-storm.ts'

// Part of `npm run test:long`. `npm run chaos` has storms of any size and length.
testStorm({
  processes: 8,
  sessions: 200,
  graceSeconds: 60,
  refreshes: 3000,
  kills: 12,
  pauses: 5,
  crashes: 2,
  revocations: 30
})
