/** Kernel settings that several types of nodes share. Paths are under /proc/sys/net, which is per network namespace. */

/**
 * Addresses of a lab are unique by design, so that waiting for duplicate address detection would only cost a second per
 * interface; reverse-path filtering is off as on every router with more than one way.
 */
export const endSystem = {
  'net/ipv6/conf/all/accept_dad': 0,
  'net/ipv6/conf/default/accept_dad': 0,
  'net/ipv6/conf/default/dad_transmits': 0,
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
} as const;

/** Flows, not pairs of addresses, are spread over several paths: what `causeway doctor` asks for. */
export const spreadsFlows = {
  'net/ipv4/fib_multipath_hash_policy': 1,
  'net/ipv6/fib_multipath_hash_policy': 1,
} as const;

/** A machine that forwards, whose redirects would teach its neighbours ways past the transit routers. */
export const forwarder = {
  ...endSystem,
  'net/ipv4/ip_forward': 1,
  'net/ipv6/conf/all/forwarding': 1,
  'net/ipv4/conf/all/send_redirects': 0,
  'net/ipv4/conf/default/send_redirects': 0,
  ...spreadsFlows,
} as const;
