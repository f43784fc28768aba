/** A JSON Schema, as far as it matters here. */
export type Schema = Readonly<Record<string, unknown>>

/** One that others refer to. */
export type SharedSchema = Schema & { readonly $id: string }

/** FastAPI's `ValidationError` and `HTTPValidationError`, as shared schemas of the app. */
export const validationErrorSchema: SharedSchema = {
  $id: 'ValidationError',
  title: 'ValidationError',
  type: 'object',
  required: ['type', 'loc', 'msg'],
  properties: {
    type: { type: 'string', title: 'Error Type' },
    loc: {
      type: 'array',
      title: 'Location',
      items: { anyOf: [{ type: 'string' }, { type: 'integer' }] }
    },
    msg: { type: 'string', title: 'Message' },
    input: { title: 'Input' },
    ctx: { type: 'object', title: 'Context', additionalProperties: true }
  }
}

export const httpValidationErrorSchema: SharedSchema = {
  $id: 'HTTPValidationError',
  title: 'HTTPValidationError',
  type: 'object',
  properties: {
    detail: { type: 'array', title: 'Detail', items: { $ref: 'ValidationError#' } }
  }
}

/** A body of the detail renderer. */
export const detailSchema: Schema = {
  type: 'object',
  required: ['detail'],
  properties: { detail: { title: 'Detail' } }
}

/** RFC 9457 3. */
export const problemSchema: Schema = {
  type: 'object',
  required: ['type', 'title', 'status'],
  additionalProperties: true,
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', format: 'uri-reference' }
  }
}

/** The body that front ends know session errors by. */
export const sessionErrorSchema: Schema = {
  type: 'object',
  required: ['message'],
  properties: { message: { type: 'string' } }
}

export const claimErrorSchema: Schema = {
  type: 'object',
  required: ['message', 'claimValidationErrors'],
  properties: {
    message: { type: 'string' },
    claimValidationErrors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' }, reason: {} }
      }
    }
  }
}
