// What does a verified request cost?
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Minted, mint } from './mint.ts'
import { report } from './report.ts'
import { type Server, startServer } from './start-server.ts'
import { boundGroup } from './verify/bound.ts'
import { cookiesGroup } from './verify/cookies.ts'
import type { Group, GroupContext } from './verify/group.ts'
import { headerGroup } from './verify/header.ts'
import { type MeasuredGroup, measureGroup } from './verify/measure.ts'
import { moreChecksGroup } from './verify/more-checks.ts'
import { noSessionGroup } from './verify/no-session.ts'
import { plotRatios } from './verify/plot.ts'
import { tables } from './verify/table.ts'
import { versions } from './versions.ts'

const PLOT = 'docs/images/bench-verify.svg'
const groups: Record<string, (context: GroupContext) => Promise<Group>> = {
  header: headerGroup,
  cookies: cookiesGroup,
  'more-checks': moreChecksGroup,
  bound: boundGroup,
  'no-session': noSessionGroup
}

const { values } = parseArgs({
  options: {
    lives: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '10000' },
    group: { type: 'string', multiple: true, default: Object.keys(groups) },
    write: { type: 'boolean' }
  }
})
const options = {
  lives: Number(values.lives),
  rounds: Number(values.rounds),
  seconds: Number(values.seconds)
}

async function open(
  build: (context: GroupContext) => Promise<Group>,
  { minted, folder }: { minted: Minted; folder: string }
): Promise<{ group: Group; stop: () => void }> {
  const servers: Server[] = []
  const stop = () => {
    for (const server of servers) server.stop()
  }
  const start = async (name: string, order: object) => {
    const server = await startServer(name, order)
    servers.push(server)
    return server
  }
  try {
    return { group: await build({ minted, folder, start }), stop }
  } catch (error) {
    stop()
    throw error
  }
}

const minted = await mint({ sessions: Number(values.sessions) })
const folder = await mkdtemp(join(tmpdir(), 'supersession-bench-'))
const measured: MeasuredGroup[] = []
try {
  for (const name of values.group) {
    const build = groups[name]
    if (build === undefined) throw new Error(`--group is one of ${Object.keys(groups).join(', ')}`)
    measured.push(await measureGroup(() => open(build, { minted, folder }), options))
  }
} finally {
  await rm(folder, { recursive: true })
}

if (values.write) {
  await mkdir('docs/images', { recursive: true })
  await writeFile(PLOT, plotRatios(measured))
}
await report(
  'verify',
  [
    `Medians of ${options.lives} × ${options.rounds} rounds of ${options.seconds} s, by turns, on 64 connections, with servers started ${options.lives} times. ${await versions()}.`,
    `![How many requests each way of checking serves, next to none](../${PLOT})`,
    tables(measured)
  ].join('\n\n')
)
