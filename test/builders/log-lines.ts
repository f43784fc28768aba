export interface LogLines {
  readonly lines: string[]
  readonly logger: { readonly level: string; readonly stream: { write(line: string): void } }
}

/** A logger for Fastify that keeps its lines, those of all levels. */
export function logLines(): LogLines {
  const lines: string[] = []
  return { lines, logger: { level: 'trace', stream: { write: (line) => void lines.push(line) } } }
}
