export { type InjectAs, type InjectAsOptions, injectAs } from './inject-as.ts'
export { TestClock } from './test-clock.ts'
