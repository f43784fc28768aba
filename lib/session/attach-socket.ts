import type { ClosableSocket, Sessions } from '../../types/session.d.ts'

/** As the errors plugin closes a socket whose session is refused. */
const UNAUTHORISED_CLOSE_CODE = 4401

/** Closes a socket when a session is gone. Asks now and then; keeps no process alive. */
export function attachSocket(
  socket: ClosableSocket,
  sessions: Sessions,
  { handle, everySeconds }: { handle: string; everySeconds: number }
): void {
  const timer = setInterval(() => {
    sessions.info(handle).then(
      (information) => {
        if (information === null) socket.close(UNAUTHORISED_CLOSE_CODE, 'UNAUTHORISED')
      },
      // A store that fails says nothing about the session; the next time it may.
      () => {}
    )
  }, everySeconds * 1000)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}
