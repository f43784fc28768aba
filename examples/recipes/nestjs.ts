// Sessions in NestJS, on Fastify.
import 'reflect-metadata'
import {
  type ArgumentsHost,
  Body,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Module,
  Post,
  Req,
  Res,
  UseGuards
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication, RouteSchema } from '@nestjs/platform-fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import supersession, { HTTPException, SessionError } from '../../lib/index.ts'

/** Nest's error handler would take the place of the plugin's. Nest's filters work without it. */
class Adapter extends FastifyAdapter {
  override setErrorHandler(): FastifyInstance {
    return this.getInstance()
  }
}

/** Lets in who has a session. */
class SessionGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await context.switchToHttp().getRequest<FastifyRequest>().verifySession()
    return true
  }
}

/** Hands errors to the plugin, which answers them as front ends expect, and clears cookies. */
@Catch(SessionError, HTTPException)
class SessionErrorFilter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<FastifyReply>().send(error)
  }
}

const login = {
  body: {
    type: 'object',
    required: ['userId'],
    properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
  }
} as const

@Controller()
class AppController {
  @Post('login')
  @RouteSchema(login)
  async login(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() body: { userId: string }
  ): Promise<object> {
    // After checking the password.
    await request.server.sessions.create(request, reply, { userId: body.userId })
    return { ok: true }
  }

  @Get('me')
  @UseGuards(SessionGuard)
  me(@Req() { session }: FastifyRequest): object {
    return { userId: session.userId }
  }
}

@Module({ controllers: [AppController] })
class AppModule {}

export async function buildApp(): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new Adapter())
  await app.register(supersession)
  app.useGlobalFilters(new SessionErrorFilter())
  return app
}
