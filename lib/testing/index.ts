export type * from '../stores/store.ts'
export { type InjectAsOptions, injectAs, type UserInject } from './inject-as.ts'
export { type OpenStore, type StoreContractCase, storeContract } from './store-contract.ts'
export { TestClock } from './test-clock.ts'
