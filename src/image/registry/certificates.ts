import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { LinuxkitError } from '../../base/errors.js'

const PEM = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g

/**
 * Whom to trust: the authorities that Node knows, those of `NODE_EXTRA_CA_CERTS`, and those of the files given.
 * @throws {LinuxkitError} `registry/certificate` for a file that cannot be read or holds no certificate
 */
export async function trust(files: readonly string[], environment: NodeJS.ProcessEnv): Promise<SecureContext> {
  const certificates: string[] = []
  for (const file of files) certificates.push(...(await readCertificates(file)))
  // Node adds them by itself only where nothing else is added.
  const extra = environment['NODE_EXTRA_CA_CERTS']
  if (extra !== undefined && extra !== '') certificates.push(...(await readCertificates(extra).catch(() => [])))
  return createSecureContext({ ca: [...rootCertificates, ...certificates] })
}

async function readCertificates(file: string): Promise<readonly string[]> {
  const fail = (reason: string, cause?: unknown): LinuxkitError =>
    new LinuxkitError('registry/certificate', `the certificate file ${file} ${reason}`, {
      hint: 'it must hold certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----',
      cause,
    })
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fail('cannot be read', error)
  })
  const certificates = text.match(PEM) ?? []
  if (certificates.length === 0) throw fail('holds no certificate')
  for (const certificate of certificates) {
    try {
      void new X509Certificate(certificate)
    } catch (error) {
      throw fail('holds a damaged certificate', error)
    }
  }
  return certificates
}
