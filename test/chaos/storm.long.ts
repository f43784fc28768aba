import { testStorm } from './test-storm.ts'

// Part of `npm run test:long`. `npm run chaos` has storms of any size and length.
testStorm({
  processes: 8,
  sessions: 200,
  graceSeconds: 60,
  refreshes: 5000,
  kills: 20,
  pauses: 8,
  crashes: 3,
  revocations: 50
})
