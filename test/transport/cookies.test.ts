import { test } from 'tap'
import { parseCookies } from '../../lib/transport/cookies.ts'

test('only our own cookies are read, wherever they stand', (t) => {
  t.same(parseCookies('a=b;  sAccessToken=at ; x;sRefreshToken=rt; sIdRefreshToken=i; =; ='), {
    accessToken: 'at',
    refreshToken: 'rt',
    accessTokenCount: 1,
    refreshTokenCount: 1,
    hasIdRefreshToken: true
  })
  t.equal(parseCookies('xsAccessToken=a; sAccessTokens=b; saccesstoken=c').accessTokenCount, 0)
  t.end()
})

test('without a header there are no cookies', (t) => {
  t.same(parseCookies(undefined), parseCookies(''))
  t.equal(parseCookies('sAccessToken').accessTokenCount, 0)
  t.end()
})

test('of two cookies the first counts and both are counted', (t) => {
  const { accessToken, accessTokenCount } = parseCookies('sAccessToken=1; sAccessToken=2')
  t.same([accessToken, accessTokenCount], ['1', 2])
  t.equal(parseCookies('sAccessToken=; sAccessToken=2').accessToken, '2')
  t.equal(parseCookies('sRefreshToken=1; sRefreshToken=2').refreshToken, '1')
  t.end()
})

test('values are taken as they are, up to the semicolon', (t) => {
  t.equal(parseCookies('sAccessToken=a%2Bb').accessToken, 'a%2Bb')
  t.equal(parseCookies('sAccessToken=a=b ; x=y').accessToken, 'a=b')
  t.equal(parseCookies('sRefreshToken=;').refreshToken, undefined)
  t.equal(parseCookies('sRefreshToken= ;').refreshToken, undefined)
  t.end()
})
