export type * from '../types/index.d.ts'
export * from './errors/index.ts'
export { default } from './plugin.ts'
export { memoryStore } from './stores/memory.ts'
