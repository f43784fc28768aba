import { test } from 'tap'
import { isLocalHost, isLoopback, isPublicSuffix, siteOf } from '../../lib/options/hosts.ts'

test('localhost and addresses are local, names that begin alike are not', (t) => {
  for (const host of ['localhost', 'app.localhost', '127.0.0.1', '10.0.0.1', '[::1]', '::1'])
    t.ok(isLocalHost(host), host)
  for (const host of ['localhost.evil.example', 'example.com', '1.2.3.4.example.com'])
    t.notOk(isLocalHost(host), host)
  t.end()
})

test('a site is the registrable domain, private suffixes included', (t) => {
  for (const [host, site] of [
    ['a.b.example.co.uk', 'example.co.uk'],
    ['a.github.io', 'a.github.io'],
    ['x.a.github.io', 'a.github.io'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['localhost', 'localhost'],
    ['app.localhost', 'app.localhost'],
    ['printer.local', 'printer.local'],
    ['a.printer.local', 'printer.local'],
    ['ec2.compute-1.amazonaws.com', 'ec2.compute-1.amazonaws.com'],
    ['intranet', 'intranet']
  ] as const)
    t.equal(siteOf(host), site, host)
  t.end()
})

test('browsers trust localhost and loopback addresses without TLS, and no other address', (t) => {
  for (const host of ['localhost', 'app.localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    t.ok(isLoopback(host), host)
  for (const host of ['10.0.0.1', '0.0.0.0', '[fe80::1]', '127.example.com', 'localhost.example'])
    t.notOk(isLoopback(host), host)
  t.end()
})

test('a public suffix is a domain under which strangers have theirs', (t) => {
  for (const domain of ['com', 'co.uk', 'herokuapp.com', 'github.io', 'herokuapp.com.', 'intranet'])
    t.ok(isPublicSuffix(domain), domain)
  for (const domain of ['example.com', 'a.herokuapp.com', 'a.intranet', 'localhost', '10.0.0.1'])
    t.notOk(isPublicSuffix(domain), domain)
  t.end()
})
