// What does a verified request cost?
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Minted, mint } from './mint.ts'
import { report } from './report.ts'
import type { RoundOptions } from './rounds.ts'
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
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '10000' },
    group: { type: 'string', multiple: true, default: Object.keys(groups) },
    write: { type: 'boolean' }
  }
})
const options: RoundOptions = { rounds: Number(values.rounds), seconds: Number(values.seconds) }

async function measure(
  build: (context: GroupContext) => Promise<Group>,
  { minted, folder }: { minted: Minted; folder: string }
): Promise<MeasuredGroup> {
  const servers: Server[] = []
  try {
    const start = async (name: string, order: object) => {
      const server = await startServer(name, order)
      servers.push(server)
      return server
    }
    return await measureGroup(await build({ minted, folder, start }), options)
  } finally {
    for (const server of servers) server.stop()
  }
}

const minted = await mint({ sessions: Number(values.sessions) })
const folder = await mkdtemp(join(tmpdir(), 'supersession-bench-'))
const measured: MeasuredGroup[] = []
try {
  for (const name of values.group) {
    const build = groups[name]
    if (build === undefined) throw new Error(`--group is one of ${Object.keys(groups).join(', ')}`)
    measured.push(await measure(build, { minted, folder }))
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
    `Medians of ${options.rounds} rounds of ${options.seconds} s, by turns, on 64 connections. ${await versions()}.`,
    `![How many requests each way of checking serves, next to none](../${PLOT})`,
    tables(measured)
  ].join('\n\n')
)
