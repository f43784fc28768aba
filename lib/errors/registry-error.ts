const messages = {
  SUPERSESSION_HANDLERS_FROZEN: 'Exception handlers can only be set before the app is ready',
  SUPERSESSION_DUPLICATE_HANDLER:
    'This scope has a handler for the key already; pass { override: true } to replace it',
  SUPERSESSION_ERRORS_ALREADY_REGISTERED:
    'The errors plugin is registered in this scope already; pass its options there, or register it in a child',
  SUPERSESSION_DEBUG_IN_PRODUCTION:
    "The debug page shows source code; with NODE_ENV=production it needs debug: 'force'"
} as const

/** A mistake in setting up handlers, found at start. */
export class ExceptionRegistryError extends Error {
  readonly code: keyof typeof messages

  constructor(code: keyof typeof messages, subject?: string) {
    super(subject === undefined ? messages[code] : `${messages[code]} (${subject})`)
    this.name = 'ExceptionRegistryError'
    this.code = code
  }
}
