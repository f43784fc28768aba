import { test } from 'tap'
import { parseCookies as parse, type ReceivedCookies } from '../../lib/transport/cookies.ts'

const NAMES = { access: 'sAccessToken', refresh: 'sRefreshToken', device: 'sDevice' }

function parseCookies(header: string | undefined): ReceivedCookies {
  return parse(NAMES, header)
}

test('only our own cookies are read, wherever they stand', (t) => {
  t.same(parseCookies('a=b;  sAccessToken=at ; x;sRefreshToken=rt; sIdRefreshToken=i; =; ='), {
    accessToken: 'at',
    refreshToken: 'rt',
    moreAccessTokens: [],
    moreRefreshTokens: [],
    hasIdRefreshToken: true
  })
  t.equal(parseCookies('xsAccessToken=a; sAccessTokens=b; saccesstoken=c').accessToken, undefined)
  t.end()
})

test('without a header there are no cookies', (t) => {
  t.same(parseCookies(undefined), parseCookies(''))
  t.equal(parseCookies('sAccessToken').accessToken, undefined)
  t.end()
})

test('further cookies of one name are kept, up to four', (t) => {
  const { accessToken, moreAccessTokens } = parseCookies('sAccessToken=1; sAccessToken=2')
  t.same([accessToken, moreAccessTokens], ['1', ['2']])
  const many = Array.from({ length: 9 }, (_, index) => `sRefreshToken=${index}`).join(';')
  t.same(parseCookies(many).moreRefreshTokens, ['1', '2', '3', '4'])
  t.same(parseCookies('sAccessToken=1; sAccessToken=').moreAccessTokens, [])
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

test('with a prefix only names with it are read', (t) => {
  const names = {
    access: '__Host-sAccessToken',
    refresh: '__Secure-sRefreshToken',
    device: 'sDevice'
  }
  const header = 'sAccessToken=1; __Host-sAccessToken=2; sRefreshToken=3; __Secure-sRefreshToken=4'
  t.match(parse(names, header), { accessToken: '2', refreshToken: '4', moreAccessTokens: [] })
  t.end()
})
