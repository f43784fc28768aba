// Pages from the server, with a login form and without scripts.
import formbody from '@fastify/formbody'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import supersession, {
  HTTPException,
  RequestValidationError,
  type SupersessionOptions
} from '../../lib/index.ts'

// Below the path of the refresh route, where browsers send the refresh token's cookie.
const REFRESH_PAGE = '/auth/session/refresh/page'

const ofUser = {
  type: 'object',
  required: ['user'],
  properties: { user: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const
const ofName = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', maxLength: 100 } }
} as const

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(formbody)
  await app.register(supersession, { getTokenTransferMethod: () => 'cookie', ...options })
  await app.register(async (pages) => {
    pages.setExceptionHandler('UNAUTHORISED', showLogin)
    pages.setExceptionHandler('TOKEN_THEFT_DETECTED', showLogin)
    pages.setExceptionHandler('TRY_REFRESH_TOKEN', refreshFirst)
    pages.setExceptionHandler(RequestValidationError, showProblems)
    addPages(pages)
  })
  return app
}

function addPages(pages: FastifyInstance): void {
  pages.get('/login', async (_request, reply) => {
    return reply
      .type('text/html; charset=utf-8')
      .send('<form method="post"><input name="user"></form>')
  })
  const login = { schema: { body: ofUser }, onRequest: refuseOtherPages }
  pages.post<{ Body: { user: string } }>('/login', login, async (request, reply) => {
    // After checking the password.
    await pages.sessions.create(request, reply, { userId: request.body.user })
    return reply.redirect('/account', 303)
  })

  const preHandler = pages.verifySession()
  pages.get('/account', { preHandler }, async ({ session }, reply) => {
    const { name = session.userId } = await session.getData()
    return reply.type('text/html; charset=utf-8').send(`<h1>${escapeHtml(String(name))}</h1>
<form method="post"><input name="name"></form>
<form method="post" action="/logout"><button>Log out</button></form>`)
  })
  const rename = { schema: { body: ofName }, preHandler }
  pages.post<{ Body: { name: string } }>('/account', rename, async (request, reply) => {
    await request.session.updateData({ name: request.body.name })
    return reply.redirect('/account', 303)
  })
  pages.post('/logout', { preHandler }, async ({ session }, reply) => {
    await session.revoke()
    return reply.redirect('/login', 303)
  })

  pages.route<{ Querystring: { next?: string | string[] } }>({
    method: ['GET', 'POST'],
    url: REFRESH_PAGE,
    handler: async (request, reply) => {
      await pages.sessions.refresh(request, reply)
      return reply.redirect(ownPath(request.query.next), 307)
    }
  })
}

/** Pages of others, subdomains too, must not log their visitors in to an account of their own. */
async function refuseOtherPages({ headers, host }: FastifyRequest): Promise<void> {
  const { 'sec-fetch-site': site, origin = `https://${host}` } = headers
  // Old browsers, and all where there is no TLS, send Origin alone.
  const isOwn = site === undefined ? origin.split('//')[1] === host : site === 'same-origin'
  if (!isOwn) throw new HTTPException(403)
}

function showLogin(_error: Error, _request: FastifyRequest, reply: FastifyReply) {
  return reply.redirect('/login', 303)
}

/** What is wrong with a form. The status, 422, is on the reply already. */
function showProblems(
  error: RequestValidationError,
  _request: FastifyRequest,
  reply: FastifyReply
) {
  const problems = error.errors().map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`)
  return reply
    .type('text/html; charset=utf-8')
    .send(`<p>${problems.map(escapeHtml).join('<br>')}</p>`)
}

/** The access token has expired. The browser goes by the refresh page, and comes back. */
function refreshFirst(_error: Error, { method, url }: FastifyRequest, reply: FastifyReply) {
  const next = `${REFRESH_PAGE}?next=${encodeURIComponent(url)}`
  // 307: the browser sends the form once more.
  if (method !== 'GET') return reply.redirect(next, 307)
  // A redirect would count as coming from the site whose link led here, and be refused.
  return reply
    .type('text/html; charset=utf-8')
    .send(`<meta http-equiv="refresh" content="0; url=${next}">`)
}

/** Never another site: `//example.com` is one. `?next=/a&next=/b` is a list. */
function ownPath(next: string | string[] = '/'): string {
  return typeof next === 'string' && /^\/(?![/\\])[!-~]*$/.test(next) ? next : '/'
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
