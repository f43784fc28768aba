export type * from '../../types/store.d.ts'
export { type OpenStore, type StoreContractCase, storeContract } from './store-contract.ts'
