/** What to do where the kernel refuses a stand-in what the unit of a kernel with drivers does not give. */

/** As `tc` (libbpf) and `unshare` say that they may not. */
const refusals = /operation not permitted|RLIMIT_MEMLOCK/i;

/** What a program said, with what the agent is to be given. */
export function withMissing(capability: 'CAP_BPF' | 'CAP_SYS_ADMIN', said: string): string {
  return refusals.test(said) ? `${said}: give the agent ${capability} (packaging/stand-ins.conf)` : said;
}
