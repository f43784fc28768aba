/** Logs users in on a server that keeps sessions its own way. Answers the cookie of each. */
export async function logIn(app, userIds) {
  const cookies = []
  for (const userId of userIds) {
    const { headers } = await app.inject({ method: 'POST', url: '/login', payload: { userId } })
    cookies.push([headers['set-cookie']].flat()[0].split(';')[0])
  }
  return cookies
}
