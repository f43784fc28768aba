import 'reflect-metadata'
import {
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  Module,
  Post,
  Req,
  Res,
  UseFilters
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import supersession, { HTTPException } from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

/** Decorators, called by hand: the compiler of these tests takes no syntax that has to be emitted. */
function decorate(target: object, name: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor
  for (const decorator of decorators) decorator(target, name, descriptor)
}

class Sessions {
  async login(request: FastifyRequest, reply: FastifyReply): Promise<object> {
    await request.server.sessions.create(request, reply, { userId: 'ada' })
    return { ok: true }
  }

  async me(request: FastifyRequest): Promise<object> {
    const { userId } = await request.verifySession()
    return { userId }
  }

  async item(): Promise<never> {
    throw new HTTPException(404, 'Item not found')
  }

  async filtered(request: FastifyRequest): Promise<object> {
    const { userId } = await request.verifySession()
    return { userId }
  }
}

/** An app's own filter: it goes by the status of the error. */
class StatusFilter {
  catch(error: { status?: number; message: string }, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>()
    reply.code(error.status ?? 500).send({ filtered: error.status })
  }
}
Catch()(StatusFilter)

Controller()(Sessions)
const { prototype } = Sessions
for (const name of ['login', 'me', 'item', 'filtered']) Req()(prototype, name, 0)
Res({ passthrough: true })(prototype, 'login', 1)
decorate(prototype, 'login', Post('login'))
decorate(prototype, 'me', Get('me'))
decorate(prototype, 'item', Get('item'))
decorate(prototype, 'filtered', Get('filtered'), UseFilters(StatusFilter))

class App {}
Module({ controllers: [Sessions] })(App)

async function nestApp(t: Test): Promise<FastifyInstance> {
  const nest = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), {
    logger: false
  })
  t.teardown(() => nest.close())
  await nest.register(supersession, FAST_KEYS)
  await nest.init()
  const app = nest.getHttpAdapter().getInstance()
  await app.ready()
  return app
}

test('Nest starts with the plugin, and its controllers have sessions', async (t) => {
  const app = await nestApp(t)
  for (const method of ['cookie', 'header'] as const) {
    const client = new Client(app, method)
    t.equal((await client.post('/login')).statusCode, 201)
    t.same((await client.get('/me')).json(), { userId: 'ada' })
    t.equal((await client.refresh()).statusCode, 200)
    t.same((await client.get('/me')).json(), { userId: 'ada' })
  }
})

test('filters of Nest see the status of errors', async (t) => {
  const app = await nestApp(t)
  t.equal((await app.inject('/me')).statusCode, 401)
  t.equal((await app.inject('/item')).statusCode, 404)
  t.same((await app.inject('/filtered')).json(), { filtered: 401 })
  t.equal((await app.inject('/nowhere')).statusCode, 404)
})
