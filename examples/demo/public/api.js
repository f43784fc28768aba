/** Sends a request through the SDK. @returns Its status and its JSON. */
export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  })
  return { ok: response.ok, status: response.status, body: await response.json() }
}
