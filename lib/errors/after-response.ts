import { finished } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { reportLate } from './report.ts'

/** Work that nobody waits for. */
export type Task = () => unknown

const tasksOf = new WeakMap<FastifyReply, Task[]>()

/**
 * Runs work after the reply is out, as Starlette's background tasks.
 *
 * Tasks of one reply run one after the other; a task that fails is logged and published, and the next
 * one runs all the same. The reply is what it was.
 */
export function afterResponse(reply: FastifyReply, task: Task): void {
  const tasks = tasksOf.get(reply)
  if (tasks !== undefined) {
    tasks.push(task)
    return
  }
  const first = [task]
  tasksOf.set(reply, first)
  const run = () => void runTasks(first, reply)
  const { raw } = reply
  // For a reply of `app.inject` that is out already `finished` never calls back. Nor does
  // `writableFinished` tell that it is, from Node 24 on.
  if (raw.writableEnded && raw.writableLength === 0) setImmediate(run)
  else finished(raw, run)
}

/** Also those that are added while others run. */
async function runTasks(tasks: readonly Task[], reply: FastifyReply): Promise<void> {
  for (const task of tasks) {
    try {
      await task()
    } catch (error) {
      reportLate(error, 'background', reply.request)
    }
  }
  // One that comes even later begins anew.
  tasksOf.delete(reply)
}
