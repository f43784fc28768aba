import type { FastifyInstance } from 'fastify'

type PoisoningActions = Required<
  Pick<FastifyInstance['initialConfig'], 'onProtoPoisoning' | 'onConstructorPoisoning'>
>

/**
 * Replaces the JSON parser of an instance by one that keeps where malformed JSON breaks off, which
 * Fastify's own throws away. What it accepts is the same.
 */
export function keepJsonOffset(instance: FastifyInstance): void {
  // Fastify has filled in its defaults by now, which its types do not say.
  const { onProtoPoisoning, onConstructorPoisoning } = instance.initialConfig as PoisoningActions
  const parse = instance.getDefaultJsonParser(onProtoPoisoning, onConstructorPoisoning)
  instance.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      void parse(request, body, (error, value) => done(withOffset(error, body), value))
    }
  )
}

function withOffset(error: Error | null, body: string): Error | null {
  if (error === null || !('code' in error) || error.code !== 'FST_ERR_CTP_INVALID_JSON_BODY') {
    return error
  }
  return Object.assign(error, { offset: offsetOfFault(body) })
}

/** Beyond this the search below would cost more than a malformed body deserves. */
const maxSearchedLength = 65_536

/**
 * The index of the first character that no JSON text could have there.
 *
 * V8 names the position in some of its messages only. For the others the longest prefix that could
 * still become JSON is found by halving.
 */
function offsetOfFault(text: string): number | undefined {
  const fault = faultOf(text)
  if (fault === undefined) return undefined
  const named = positionIn(fault)
  if (named !== undefined) return named
  if (text.length > maxSearchedLength) return undefined
  let [viable, broken] = [0, text.length + 1]
  while (broken - viable > 1) {
    const middle = (viable + broken) >> 1
    if (isViable(text.slice(0, middle))) viable = middle
    else broken = middle
  }
  return viable
}

function faultOf(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return String(error)
  }
}

function positionIn(fault: string): number | undefined {
  const position = /at position (\d+)/.exec(fault)?.[1]
  return position === undefined ? undefined : Number(position)
}

/** Whether more text could make JSON of this one: nothing is wrong with it but its end. */
function isViable(prefix: string): boolean {
  const fault = faultOf(prefix)
  return (
    fault === undefined ||
    /Unexpected end|Unterminated/.test(fault) ||
    positionIn(fault) === prefix.length
  )
}
