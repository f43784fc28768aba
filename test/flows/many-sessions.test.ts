import { testManySessions } from './many-sessions.ts'

testManySessions(1300)
