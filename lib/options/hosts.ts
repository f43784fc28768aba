import { isIP } from 'node:net'
import { getDomain } from 'tldts'

/** Localhost (RFC 6761 section 6.3) and plain addresses: hosts that belong to no registry. */
export function isLocalHost(hostname: string): boolean {
  return isLocalhostName(hostname) || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
}

/** Hosts that browsers trust without TLS (Secure Contexts standard, section 3.1). */
export function isLoopback(hostname: string): boolean {
  return isLocalhostName(hostname) || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

function isLocalhostName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost')
}

/**
 * The site of a host, as browsers see it: its registrable domain by the public-suffix list, private
 * suffixes included. Addresses, names without a dot and suffixes stand for themselves.
 */
export function siteOf(hostname: string): string {
  return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname
}

/** Whether browsers refuse cookies for this domain from all hosts but one of that very name. */
export function isPublicSuffix(domain: string): boolean {
  return !isLocalHost(domain) && getDomain(domain, { allowPrivateDomains: true }) === null
}
