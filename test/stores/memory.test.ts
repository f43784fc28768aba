import { memoryStore } from '../../lib/index.ts'
import { testStoreContract } from './contract.ts'

testStoreContract('memoryStore', () => {
  const store = memoryStore()
  return () => store
})
