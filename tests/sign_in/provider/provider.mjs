// An OpenID Connect provider on loopback: the certified oidc-provider with one public client, one resource, and
// JWT access tokens as Cognito gives them. Ends when its standard input does. First line on standard output: its port.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const redirects = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const seen = [];

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: 'tlfif-desk',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: redirects,
    }],
    cookies: { keys: ['a key of this test only'] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] },
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false, // the name is in the ID token, as Cognito has it
    scopes: ['openid', 'email'],
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
    issueRefreshToken: () => true, // without the scope offline_access, which Cognito does not know
    rotateRefreshToken: true, // each one is good once; a second use ends the sign-in
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, RefreshToken: 3600, Session: 3600, Grant: 3600,
      Interaction: 600 },
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:tlfif:api',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'tlfif/use', audience: 'tlfif-api', accessTokenFormat: 'jwt', accessTokenTTL: 600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  provider.on('grant.success', (ctx) => seen.push(ctx.oidc.params.grant_type));
  provider.on('grant.error', (_ctx, error) => seen.push(`refused: ${error.error}`));
  provider.on('grant.revoked', () => seen.push('grant revoked'));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/test/seen') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(seen));
    } else {
      answer(request, response);
    }
  });
  console.log(port);
});
