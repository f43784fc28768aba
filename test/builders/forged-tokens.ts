import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import type { PublicJwk } from '../../lib/index.ts'

type Json = Record<string, unknown>

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (segment: string): Json => JSON.parse(Buffer.from(segment, 'base64url').toString())

/**
 * Access tokens that nobody issued, each made of one that is good, by what is wrong with it.
 *
 * @param good - An access token signed by RS256.
 * @param jwk - The public key that verifies it.
 */
export function forgedTokens(good: string, jwk: PublicJwk): Record<string, string> {
  const [head = '', body = '', signature = ''] = good.split('.')
  const header = decode(head)
  const payload = decode(body)
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ownJwk = publicKey.export({ format: 'jwk' })
  const withHeader = (changes: Json) => `${encode({ ...header, ...changes })}.${body}.${signature}`
  const withPayload = (changes: Json) =>
    `${head}.${encode({ ...payload, ...changes })}.${signature}`
  const withSignature = (text: string) => `${head}.${body}.${text}`
  const selfSigned = (headerChanges: Json = {}, payloadChanges: Json = {}) => {
    const input = `${encode({ ...header, ...headerChanges })}.${encode({ ...payload, ...payloadChanges })}`
    const signed = sign('sha256', Buffer.from(input), privateKey)
    return `${input}.${signed.toString('base64url')}`
  }
  const hmacOf = (alg: 'HS256' | 'HS384' | 'HS512', secret: string) => {
    const input = `${encode({ ...header, alg })}.${body}`
    const mac = createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')
    return `${input}.${mac}`
  }
  const issuerKey = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const spki = issuerKey.export({ type: 'spki', format: 'pem' }) as string

  const tokens: Record<string, string> = {
    'signed with another key': selfSigned(),
    'signed with another key, for somebody else': selfSigned({}, { sub: 'eve', rsub: 'eve' }),
    'signed with another key, which the header brings': selfSigned({ jwk: ownJwk }),
    'signed with another key, behind a URL in the header': selfSigned({
      jku: 'https://evil.example/jwks.json'
    }),
    'signed with another key, with a certificate': selfSigned({ x5c: [spki] }),
    'signed with another key, with the URL of a certificate': selfSigned({
      x5u: 'https://evil.example/x.pem'
    }),
    'signed with another key of a kid of its own': selfSigned({ kid: 'd-5' }),
    'alg none': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'alg none with a signature': withHeader({ alg: 'none' }),
    'the public key as an HMAC secret': hmacOf('HS256', spki),
    'the public key as an HMAC secret, HS384': hmacOf('HS384', spki),
    'the public key as an HMAC secret, HS512': hmacOf('HS512', spki),
    'the JWK as an HMAC secret': hmacOf('HS256', JSON.stringify(jwk)),
    'an empty HMAC secret': hmacOf('HS256', ''),
    'an unknown kid': withHeader({ kid: 'd-1' }),
    'a kid of no kind': withHeader({ kid: 'x' }),
    'a kid that is no string': withHeader({ kid: 5 }),
    'an empty kid': withHeader({ kid: '' }),
    'a kid that is a path': withHeader({ kid: '../../dev/null' }),
    'a kid that is a name of Object': withHeader({ kid: '__proto__' }),
    'a kid that is a query': withHeader({ kid: "d-1' OR 1=1" }),
    'a kid that is null': withHeader({ kid: null }),
    'a kid that is a list': withHeader({ kid: [header['kid']] }),
    'no kid': withHeader({ kid: undefined }),
    '10 KB': withPayload({ big: 'x'.repeat(10_000) }),
    'the wrong typ': withHeader({ typ: 'at+jwt' }),
    'typ in small letters': withHeader({ typ: 'jwt' }),
    'no typ': withHeader({ typ: undefined }),
    'no version': withHeader({ version: undefined }),
    'a version that is a number': withHeader({ version: 5 }),
    'an older version': withHeader({ version: '4' }),
    'a newer version': withHeader({ version: '6' }),
    'no alg': withHeader({ alg: undefined }),
    'an extension that has to be understood': withHeader({ crit: ['exp'] }),
    'a list of extensions that is empty': withHeader({ crit: [] }),
    'a payload that is not encoded': withHeader({ b64: false, crit: ['b64'] }),
    'a header with a member more': withHeader({ cty: 'JWT' }),
    'a payload that is a list': `${head}.${encode([])}.${signature}`,
    'a payload that is null': `${head}.${encode(null)}.${signature}`,
    'a payload that is a text': `${head}.${encode('x')}.${signature}`,
    'a payload that is not JSON': `${head}.AAAA.${signature}`,
    'a payload that is empty': `${head}..${signature}`,
    'a header that is not JSON': `AAAA.${body}.${signature}`,
    'a header that is null': `${encode(null)}.${body}.${signature}`,
    'a header that is a number': `${encode(5)}.${body}.${signature}`,
    'a header that is a list': `${encode([header])}.${body}.${signature}`,
    'a header that is empty': `.${body}.${signature}`,
    'no signature': withSignature(''),
    'a signature of one letter': withSignature('A'),
    'a signature that is cut short': withSignature(signature.slice(0, -1)),
    'half a signature': withSignature(signature.slice(0, 171)),
    'a signature twice': withSignature(signature + signature),
    'a signature of zeros': withSignature('A'.repeat(signature.length)),
    'a signature with padding': withSignature(`${signature}=`),
    'a signature with a letter more': withSignature(`${signature}A`),
    'a signature in another alphabet': withSignature(`${signature.slice(0, -4)}+/+/`),
    'the hash of the token in place of a signature': withSignature(encode(good)),
    'two parts': `${head}.${body}`,
    'four parts': `${good}.x`,
    'five parts, as an encrypted token has': `${head}.${body}.${signature}.${body}.${signature}`,
    'no parts': 'x',
    dots: '...',
    'a dot before it': `.${good}`,
    'a JSON object': JSON.stringify({ header, payload, signature })
  }
  for (const alg of [
    'RS384',
    'RS512',
    'PS256',
    'ES256',
    'ES512',
    'EdDSA',
    'HS256',
    'NONE',
    'rs256'
  ])
    tokens[`alg ${alg}, and the signature as it was`] = withHeader({ alg })
  const claims = {
    sub: ['', null, 5, 'eve'],
    rsub: ['', undefined, 'eve'],
    tId: ['', null, 'other'],
    sessionHandle: ['', 5, 'other'],
    refreshTokenHash1: ['', null, 'other'],
    parentRefreshTokenHash1: [5, undefined, 'other'],
    antiCsrfToken: [5, undefined, 'other'],
    exp: ['9999999999', null, 9_999_999_999, 1],
    iat: ['0', null, 0],
    nbf: [9_999_999_999],
    stt: [1, 2],
    cnf: [{ jkt: 'other' }],
    iss: ['https://evil.example'],
    roles: [['admin']]
  }
  for (const [name, values] of Object.entries(claims))
    for (const value of values) {
      const text = value === undefined ? 'missing' : JSON.stringify(value)
      tokens[`${name} ${text}, and the signature as it was`] = withPayload({ [name]: value })
    }
  return tokens
}
