import { testManySessions } from './many-sessions.ts'

// Part of `npm run test:long`.
testManySessions(20_000)
