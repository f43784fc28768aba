import { buildDemo } from './app.ts'

const { PORT = '3000' } = process.env
const app = await buildDemo({ session: { appInfo: { apiDomain: `http://localhost:${PORT}` } } })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())

try {
  const address = await app.listen({ port: Number(PORT), host: 'localhost' })
  console.log(`The demo is at http://localhost:${new URL(address).port}`)
} catch (error) {
  await app.close()
  console.error(`The demo cannot listen on port ${PORT}: ${(error as Error).message}`)
  console.error('Another port: PORT=4000 npm run demo')
  process.exitCode = 1
}
