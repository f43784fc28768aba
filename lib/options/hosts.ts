import { isIP } from 'node:net'
import { getDomain } from 'tldts'

/** Localhost (RFC 6761 section 6.3) and plain addresses: hosts that belong to no registry. */
export function isLocalHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || host.endsWith('.localhost') || isIP(host) !== 0
}

/**
 * The site of a host: its registrable domain by the public-suffix list, private suffixes included.
 *
 * All local hosts are one site. A host that is itself a suffix, `*.local` and names without a dot
 * stand for themselves.
 */
export function siteOf(hostname: string): string {
  if (isLocalHost(hostname)) return 'localhost'
  if (hostname.endsWith('.local')) return hostname
  return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname
}
