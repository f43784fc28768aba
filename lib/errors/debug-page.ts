import { relative } from 'node:path'
import type { FastifyRequest } from 'fastify'
import type { ErrorParser } from 'youch-core'
import { ErrorReply } from './error-reply.ts'
import { logSafely } from './report.ts'

type LoadParser = () => Promise<{ readonly ErrorParser: typeof ErrorParser }>
type ParsedError = Awaited<ReturnType<ErrorParser['parse']>>
type Frame = ParsedError['frames'][number]

/** An optional package. A bundler that read its name here would look for it, and fail without it. */
const PARSER: string = 'youch-core'

/** How many errors below the first are shown: causes, and errors of an AggregateError. */
const MAX_ERRORS = 10

/** Nothing may be fetched or run by a page that shows what an attacker may have written. */
const headers = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  'x-content-type-options': 'nosniff'
}

/**
 * The reply to an unhandled error while developing: a traceback with source lines for browsers,
 * the stack as text for everybody else.
 *
 * Shows code, but no variables, environment, headers or body.
 *
 * @param load - Where the parser comes from; an optional package, which production never loads.
 */
export async function debugReply(
  error: Error,
  request: FastifyRequest,
  load: LoadParser = async () => await import(PARSER)
): Promise<ErrorReply> {
  if (request.headers.accept?.includes('text/html')) {
    try {
      const { ErrorParser } = await load()
      const parse = async (one: Error) => {
        const start = startOfFrames(one)
        const parser = new ErrorParser().defineSourceLoader(async (frame) =>
          start >= 0 && isOurs(frame) ? await ErrorParser.fsSourceLoader(frame) : undefined
        )
        return await parser.parse(withFramesAlone(one, Math.max(0, start)))
      }
      const parsed = await Promise.all(relatedErrors(error).map(parse))
      return new ErrorReply(500, page(parsed), { type: 'text/html; charset=utf-8', headers })
    } catch (err) {
      logSafely(request, 'warn', 'the debug page needs the package youch-core', () => ({ err }))
    }
  }
  return new ErrorReply(500, stacksOf(error), { type: 'text/plain; charset=utf-8', headers })
}

/** Never fails: the members of an error may be anything, or throw when they are read. */
function stacksOf(error: Error): string {
  try {
    return relatedErrors(error)
      .map(({ stack, message }) => String(stack ?? message))
      .join('\n\nCaused by: ')
  } catch {
    return 'Internal Server Error, of an error that cannot be read'
  }
}

/**
 * Where the frames begin in a stack, behind the message: the parser takes lines of it for frames, and
 * a client may have written them, who would choose the files that are read.
 *
 * @returns -1 where nobody can tell, since the message is another one than the stack has.
 */
function startOfFrames({ message, stack = '' }: Error): number {
  const header = (message === '' ? /^[^:\n]*/ : /^[^:\n]*: /).exec(stack)?.[0]
  if (header === undefined || !stack.startsWith(message, header.length)) return -1
  const start = header.length + message.length
  return start === stack.length || stack.startsWith('\n    at ', start) ? start : -1
}

function withFramesAlone({ name, message, cause, stack = '' }: Error, start: number): Error {
  return { name, message, cause, stack: `${name}\n${stack.slice(start)}` }
}

/** The error, its causes and its parts, each once: chains may be circular. */
function relatedErrors(error: Error): Error[] {
  const found = new Set([error])
  for (const one of found) {
    const parts: unknown[] = one instanceof AggregateError ? one.errors : []
    for (const related of [one.cause, ...parts]) {
      if (related instanceof Error && found.size < MAX_ERRORS) found.add(related)
    }
  }
  return [...found]
}

const style = `
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem; overflow-wrap: anywhere } h1 small { color: #b00020; display: block; font-size: 1rem }
.frame { border: 1px solid #ddd; border-radius: 6px; margin: .5rem 0; overflow-wrap: anywhere; padding: .4rem .8rem }
summary { cursor: pointer } code, pre { font: 13px/1.6 ui-monospace, monospace }
pre { margin: .4rem 0; overflow-wrap: normal; overflow-x: auto } mark { background: #ffe3e3; display: block; min-width: 100%; width: max-content }
@media (prefers-color-scheme: dark) { body { background: #1b1b1f; color: #ddd } h1 small { color: #ff8a80 } .frame { border-color: #444 } mark { background: #5a2328; color: inherit } }
`

function page(errors: readonly ParsedError[]): string {
  const [title] = errors.map(({ name, message }) => escapeHTML(`${name}: ${message}`))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${style}</style></head>
<body>${errors.map(section).join('\n')}</body></html>`
}

function section({ name, message, frames }: ParsedError, index: number): string {
  const lead = index === 0 ? '' : 'Caused by '
  return `<h1><small>${lead}${escapeHTML(name)}</small>${escapeHTML(message)}</h1>
${frames.map((frame, place) => frameHTML(frame, place === 0)).join('\n')}`
}

function frameHTML(frame: Frame, isOpen: boolean): string {
  const { functionName = 'anonymous', fileName = 'unknown', lineNumber } = frame
  const file = relative(process.cwd(), fileName.replace(/^file:\/\//, ''))
  const place = `${escapeHTML(functionName)} <code>${escapeHTML(file)}:${lineNumber}</code>`
  const source = frame.source?.map((line) => lineHTML(line, lineNumber))
  if (source === undefined) return `<div class="frame">${place}</div>`
  return `<details class="frame"${isOpen ? ' open' : ''}><summary>${place}</summary><pre>${source.join('')}</pre></details>`
}

function lineHTML(line: NonNullable<Frame['source']>[number], failing: number | undefined): string {
  const text = `${String(line.lineNumber).padStart(5)}  ${escapeHTML(line.chunk)}`
  return line.lineNumber === failing ? `<mark>${text}</mark>` : `${text}\n`
}

/**
 * Source lines of the app only: not of packages, of nothing outside the working directory, and of no
 * file but code.
 */
function isOurs({ type, fileName = '' }: Frame): boolean {
  const isInside = !relative(process.cwd(), fileName).startsWith('..')
  return type === 'app' && isInside && /\.[cm]?[jt]sx?$/.test(fileName)
}

function escapeHTML(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
