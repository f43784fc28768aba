import { testManySessions } from './many-sessions.ts'

// Part of `npm run test:long`.
testManySessions(100_000)
