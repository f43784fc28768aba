import { buildDemo } from './app.ts'

const port = Number(process.env['PORT'] ?? 3000)
const app = await buildDemo({
  session: { appInfo: { apiDomain: `http://localhost:${port}` } }
})

try {
  const address = await app.listen({ port, host: 'localhost' })
  console.log(`The demo is at http://localhost:${new URL(address).port}`)
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
  console.error(`Port ${port} is taken. Choose another one: PORT=${port + 1} npm run demo`)
  process.exitCode = 1
}
