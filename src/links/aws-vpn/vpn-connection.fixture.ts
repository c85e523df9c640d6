/** A CustomerGatewayConfiguration as AWS lays it out, from facts of our own. */

export interface TunnelFacts {
  readonly outside: string;
  readonly peerInside: string;
  readonly localInside: string;
  readonly key: string;
}

export const firstTunnel: TunnelFacts = {
  outside: '198.51.100.7',
  peerInside: '169.254.44.41',
  localInside: '169.254.44.42',
  key: 'first_key.of_Tunnel1',
};

export const secondTunnel: TunnelFacts = {
  outside: '198.51.100.77',
  peerInside: '169.254.60.13',
  localInside: '169.254.60.14',
  key: 'second.key_of_Tunnel2',
};

export function vpnXml(tunnels: readonly TunnelFacts[] = [firstTunnel, secondTunnel]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<vpn_connection id="vpn-0a1b2c3d4e5f60718">
  <customer_gateway_id>cgw-0123456789abcdef0</customer_gateway_id>
  <vpn_gateway_id>vgw-0123456789abcdef0</vpn_gateway_id>
  <vpn_connection_type>ipsec.1</vpn_connection_type>
${tunnels.map(tunnelXml).join('\n')}
</vpn_connection>
`;
}

/** As AWS writes a connection without BGP: the sessions are missing, and an element says so. */
export function staticVpnXml(): string {
  const attribute = '<vpn_connection_attributes>NoBGPVPNConnection</vpn_connection_attributes>';
  return vpnXml()
    .replace(/\n\s*<bgp>[^\n]*<\/bgp>/g, '')
    .replace('</vpn_connection_type>', `</vpn_connection_type>\n  ${attribute}`);
}

function tunnelXml({ outside, peerInside, localInside, key }: TunnelFacts): string {
  return `  <ipsec_tunnel>
    <customer_gateway>
${endXml('203.0.113.12', localInside, 65_010)}
    </customer_gateway>
    <vpn_gateway>
${endXml(outside, peerInside, 64_512)}
    </vpn_gateway>
    <ike>
      <authentication_protocol>sha1</authentication_protocol>
      <encryption_protocol>aes-128-cbc</encryption_protocol>
      <lifetime>28800</lifetime>
      <perfect_forward_secrecy>group2</perfect_forward_secrecy>
      <mode>main</mode>
      <pre_shared_key>${key}</pre_shared_key>
    </ike>
    <ipsec>
      <protocol>esp</protocol>
      <authentication_protocol>hmac-sha1-96</authentication_protocol>
      <encryption_protocol>aes-128-cbc</encryption_protocol>
      <lifetime>3600</lifetime>
      <perfect_forward_secrecy>group2</perfect_forward_secrecy>
      <mode>tunnel</mode>
      <tcp_mss_adjustment>1379</tcp_mss_adjustment>
      <dead_peer_detection><interval>10</interval><retries>3</retries></dead_peer_detection>
    </ipsec>
  </ipsec_tunnel>`;
}

function endXml(outside: string, inside: string, asNumber: number): string {
  return `      <tunnel_outside_address><ip_address>${outside}</ip_address></tunnel_outside_address>
      <tunnel_inside_address>
        <ip_address>${inside}</ip_address>
        <network_mask>255.255.255.252</network_mask>
        <network_cidr>30</network_cidr>
      </tunnel_inside_address>
      <bgp><asn>${asNumber}</asn><hold_time>30</hold_time></bgp>`;
}
