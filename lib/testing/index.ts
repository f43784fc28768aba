export type * from '../stores/store.ts'
export { type InjectAs, type InjectAsOptions, injectAs } from './inject-as.ts'
export { type OpenStore, type StoreContractCase, storeContract } from './store-contract.ts'
export { TestClock } from './test-clock.ts'
