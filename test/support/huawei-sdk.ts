import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export interface SdkRequest {
  url: string;
  method: string;
  headers?: Record<string, string>;
  pathParams?: Record<string, string>;
  queryParams?: Record<string, unknown>;
  data?: unknown;
  contentType?: string;
}

const { BasicCredentials } = load('@huaweicloud/huaweicloud-sdk-core') as {
  BasicCredentials: new () => { withAk(ak: string): { withSk(sk: string): { withProjectId(id: string): unknown } } };
};
const { ClientBuilder } = load('@huaweicloud/huaweicloud-sdk-core/ClientBuilder.js') as {
  ClientBuilder: new (init: (client: unknown) => unknown) => {
    withCredential(credential: unknown): {
      withEndpoint(endpoint: string): { build(): { sendRequest(request: SdkRequest): Promise<Record<string, unknown>> } };
    };
  };
};

/** The official Node SDK's client, unchanged. */
export const sdkClient = (endpoint: string, accessKey: string, secret: string) =>
  new ClientBuilder((client) => client)
    .withCredential(new BasicCredentials().withAk(accessKey).withSk(secret).withProjectId('project'))
    .withEndpoint(endpoint)
    .build();
