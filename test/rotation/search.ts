/** A graph that is given by its moves. */
export interface Graph<State> {
  readonly start: readonly State[]
  /** States with one key are one state, and only the first of them is followed. */
  keyed(state: State): { readonly key: string; readonly state: State }
  movesFrom(state: State): Iterable<Move<State>>
}

export interface Move<State> {
  readonly label: string
  /** A violation ends the search, and `end` a history. */
  readonly to: State | 'violation' | 'end'
}

export interface SearchReport {
  readonly states: number
  readonly transitions: number
  /** A shortest history that ends in a violation; `null`: there is none. */
  readonly counterexample: readonly string[] | null
}

/** Visits every state that can be reached, the nearest first, until a move is a violation. */
export function search<State>(
  graph: Graph<State>,
  visit: (state: State) => void = () => {}
): SearchReport {
  const seen = new Set<string>()
  const queue: (State | undefined)[] = []
  const origins: { readonly from: number; readonly label: string }[] = []
  const reach = (state: State, from: number, label: string) => {
    const found = graph.keyed(state)
    if (seen.has(found.key)) return
    seen.add(found.key)
    queue.push(found.state)
    origins.push({ from, label })
  }
  for (const state of graph.start) reach(state, -1, 'start')

  let transitions = 0
  for (let index = 0; index < queue.length; index++) {
    const state = queue[index] as State
    // Followed once and never looked at again.
    queue[index] = undefined
    visit(state)
    for (const { label, to } of graph.movesFrom(state)) {
      transitions++
      if (to === 'violation')
        return { states: seen.size, transitions, counterexample: [...history(index), label] }
      if (to !== 'end') reach(to, index, label)
    }
  }
  return { states: seen.size, transitions, counterexample: null }

  function history(last: number): string[] {
    const labels: string[] = []
    for (let at = last; at >= 0; at = (origins[at] as { from: number }).from)
      labels.unshift((origins[at] as { label: string }).label)
    return labels
  }
}
