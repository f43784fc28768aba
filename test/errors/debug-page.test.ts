import { writeFile } from 'node:fs/promises'
import { test } from 'tap'
import { debugReply } from '../../lib/errors/debug-page.ts'
import { HTTPException } from '../../lib/errors/index.ts'
import { newFolder } from '../builders/folder.ts'
import { errorApp, throwing } from './error-app.ts'

// Tracebacks need to be asked for twice: by the option, and by the environment.
process.env['NODE_ENV'] = 'test'

class Broken extends Error {
  override name = 'Broken'
}

test('while debugging an unhandled error is a traceback, whatever catch-all there is', async (t) => {
  const { app, lines } = await errorApp(t, { debug: true })
  app.setExceptionHandler(Error, () => t.fail('must not run'))
  app.setExceptionHandler(500, (error) => ({ status: error.statusCode }))
  app.setExceptionHandler(RangeError, () => ({ by: 'RangeError' }))
  app.setExceptionHandler(TypeError, (_error, _request, _reply, context) => context.next())
  throwing(app, '/', new Broken('typo'))
  throwing(app, '/next', new TypeError('passed on'))
  throwing(app, '/handled', new RangeError())
  throwing(app, '/500', new HTTPException(500))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.match(reply.body, /typo[\s\S]*debug-page\.test/u)
  t.match((await app.inject('/next')).body, /TypeError: passed on/)
  t.same((await app.inject('/handled')).json(), { by: 'RangeError' })
  t.same((await app.inject('/500')).json(), { status: 500 })
  t.equal(lines.filter(({ msg }) => msg === 'request failed').length, 4)
})

test('browsers get HTML, everybody else text', async (t) => {
  const { app } = await errorApp(t, { debug: true })
  throwing(app, '/', new Broken('typo'))
  const typeFor = async (accept?: string) => {
    const headers = accept === undefined ? {} : { accept }
    return (await app.inject({ url: '/', headers })).headers['content-type']
  }
  t.equal(await typeFor('text/html,*/*'), 'text/html; charset=utf-8')
  t.equal(await typeFor('*/*'), 'text/plain; charset=utf-8')
  t.equal(await typeFor(), 'text/plain; charset=utf-8')
})

test('the page shows class, message, causes and source lines, all escaped', async (t) => {
  const { app } = await errorApp(t, { debug: true })
  const cause = new AggregateError([new Error('part')], 'several')
  Object.assign(cause.errors[0], { cause })
  const make = () => new Broken('<script>alert("x")</script>', { cause })
  throwing(app, '/', make())
  app.get('/native', async () => JSON.parse('{'))
  const { body } = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.match(body, 'Broken')
  t.match(body, '&#60;script&#62;alert')
  t.notMatch(body, '<script')
  t.match(body, 'several')
  t.match(body, 'part')
  t.match(body, '<title>Broken: &#60;script&#62;alert')
  t.match(body, 'name="viewport"')
  t.match(body, /<details class="frame" open>/)
  t.match(body, /<mark>.*new Broken/)
  t.match(
    (await app.inject({ url: '/native', headers: { accept: 'text/html' } })).body,
    'SyntaxError'
  )
})

test('text shows the causes too, and what is thrown need not have a stack', async (t) => {
  const { app } = await errorApp(t, { debug: true })
  const bare = new Error('without a stack')
  Object.defineProperty(bare, 'stack', { value: undefined })
  throwing(app, '/', new Error('top', { cause: bare }))
  t.match((await app.inject('/')).body, /top[\s\S]*Caused by: without a stack/u)
})

test('without the parser the page is text, and the log says what is missing', async (t) => {
  const { app, lines } = await errorApp(t)
  app.get('/', async (request) => {
    const reply = await debugReply(new Error('typo'), request, () =>
      Promise.reject(new Error('not found'))
    )
    return { type: reply.type }
  })
  const reply = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.match(reply.json(), { type: 'text/plain; charset=utf-8' })
  t.match(lines, [{ level: 40, msg: /youch-core/ }])
})

test('frames without a place or a source are listed by what is known of them', async (t) => {
  const { app } = await errorApp(t)
  class ErrorParser {
    defineSourceLoader() {
      return this
    }
    async parse(error: Error) {
      const frames = [{ type: 'app' }, { type: 'module', fileName: '/x/node_modules/y.js' }]
      return { name: error.name, message: error.message, frames }
    }
  }
  app.get('/', async (request) => {
    const load = async () => ({ ErrorParser: ErrorParser as never })
    return (await debugReply(new Error('x'), request, load)).body
  })
  const { body } = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.match(body, 'anonymous <code>unknown:undefined</code>')
  t.match(body, 'y.js')
  t.notMatch(body, '<pre>')
})

test('the page is neither cached nor scripted, and the app is warned', async (t) => {
  const { app, lines } = await errorApp(t, { debug: true })
  throwing(app, '/', new Error('x'))
  t.match((await app.inject('/')).headers, {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'x-content-type-options': 'nosniff'
  })
  t.match(lines[0], { level: 40, msg: /tracebacks/ })
})

test('production refuses to debug unless it is forced', async (t) => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  process.env['NODE_ENV'] = 'production'
  await t.rejects(errorApp(t, { debug: true }), { code: 'SUPERSESSION_DEBUG_IN_PRODUCTION' })
  await t.resolves(errorApp(t, { debug: 'force' }))
})

test('a message that looks like frames has the page read no file', async (t) => {
  const folder = await newFolder(t)
  const before = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(before))
  const env = `${folder}/.env`
  const code = `${folder}/secrets.js`
  await writeFile(env, 'SESSION_SECRET=abcdef')
  await writeFile(code, 'export const secret = "abcdef"')
  const page = async (error: Error) => {
    const { app } = await errorApp(t, { debug: true })
    throwing(app, '/', error)
    return (await app.inject({ url: '/', headers: { accept: 'text/html' } })).body
  }
  for (const file of [env, code, '/dev/zero']) {
    const body = await page(new Error(`no user x\n    at x (${file}:1:1)`))
    t.notMatch(body, 'abcdef')
    t.match(body, 'debug-page.test', 'the frames of the error itself are there')
  }
  for (const message of ['another', '', 'no user', `items: no user x\n    at x (${code}:1:1)`]) {
    const changed = new Error(`no user x\n    at x (${code}:1:1)`)
    t.match(changed.stack, 'no user x')
    changed.message = message
    const body = await page(changed)
    t.notMatch(body, 'abcdef', message)
    t.match(body, 'debug-page.test', 'the frames of the error itself are there')
  }
  t.match(await page(new Error('')), 'debug-page.test')
})

test('an error whose members cannot be read is a 500 all the same', async (t) => {
  const { app } = await errorApp(t, { debug: true })
  const throwingGetter = (name: string) =>
    Object.defineProperty(new Error('x'), name, {
      get() {
        throw new TypeError(`no ${name}`)
      }
    })
  const odd: Record<string, unknown> = {
    cause: throwingGetter('cause'),
    stack: throwingGetter('stack'),
    parts: Object.assign(new AggregateError([]), { errors: { length: 5 } }),
    symbol: Object.assign(new Error('x'), { stack: Symbol('s') }),
    name: Object.assign(new Error('x'), { name: Symbol('n') })
  }
  for (const [name, error] of Object.entries(odd)) throwing(app, `/${name}`, error)
  for (const accept of ['text/html', '*/*'])
    for (const name of Object.keys(odd)) {
      const reply = await app.inject({ url: `/${name}`, headers: { accept } })
      t.equal(reply.statusCode, 500, `${name} as ${accept}`)
    }
})
