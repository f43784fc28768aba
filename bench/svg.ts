/** A colour on white and on black paper. */
export type Colour = readonly [light: string, dark: string]

/** The colours of what is compared; ours is the same in all plots. */
export const OURS: Colour = ['#0f766e', '#2dd4bf']
export const ORANGE: Colour = ['#c2410c', '#fb923c']
export const VIOLET: Colour = ['#6d28d9', '#a78bfa']

/** A drawing that follows the reader's light or dark mode. Each colour is a class of its own. */
export function frame(
  { width, height, title }: { width: number; height: number; title: string },
  colours: Readonly<Record<string, Colour>>,
  parts: readonly string[]
): string {
  const names = Object.keys(colours)
  const variables = (mode: 0 | 1) =>
    names.map((name) => `--${name}: ${colours[name]?.[mode]}`).join('; ')
  const classes = names.map((name) => `.${name} { fill: var(--${name}); stroke: var(--${name}) }`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>
svg { --paper: #ffffff; --ink: #1f2933; --soft: #5f6b7a; --faint: #e3e8ee; ${variables(0)}; font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
@media (prefers-color-scheme: dark) { svg { --paper: #11161d; --ink: #e6edf3; --soft: #9aa7b5; --faint: #28313b; ${variables(1)} } }
.paper { fill: var(--paper); stroke: var(--faint) }
text { fill: var(--ink); font-size: 13px }
.title { font-size: 18px; font-weight: 600 }
.head { font-weight: 600 }
.soft { fill: var(--soft); font-size: 12px; font-weight: 400 }
.tick { fill: var(--soft); font-size: 11.5px; text-anchor: middle }
.value { fill: var(--soft); font-size: 11.5px; text-anchor: middle; paint-order: stroke; stroke: var(--paper); stroke-width: 4 }
.grid, .rule { stroke: var(--faint) }
.strong { stroke: var(--soft) }
.goal { stroke: var(--ink); stroke-width: 1.5 }
${classes.join('\n')}
.hollow { fill: var(--paper); stroke-width: 2 }
.stem { stroke-width: 2.5; stroke-opacity: 0.45 }
.curve { fill: none; stroke-width: 2 }
</style>
<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
${parts.join('\n')}
</svg>
`
}

export function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${+x.toFixed(1)}" y="${+y.toFixed(1)}">${content}</text>`
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  const [left, top, right, bottom] = [x1, y1, x2, y2].map((value) => +value.toFixed(1))
  return `<line class="${kind}" x1="${left}" y1="${top}" x2="${right}" y2="${bottom}"/>`
}

export function dot(x: number, y: number, kind: string): string {
  return `<circle class="${kind}" cx="${+x.toFixed(1)}" cy="${+y.toFixed(1)}" r="5"/>`
}

/** Thousands apart: 100,000. */
export function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
