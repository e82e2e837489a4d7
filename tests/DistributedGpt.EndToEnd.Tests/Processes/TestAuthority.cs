using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>An authority of the test's own, and a certificate of it, in files.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public TestAuthority()
    {
        using var ownKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var own = new CertificateRequest("CN=authority of a test", ownKey, HashAlgorithmName.SHA256);
        own.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        DateTimeOffset from = DateTimeOffset.UtcNow.AddHours(-1), to = from.AddDays(1);
        using X509Certificate2 authority = own.CreateSelfSigned(from, to);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 member = new CertificateRequest("CN=member of a test", key, HashAlgorithmName.SHA256).Create(authority, from, to, [1]);
        File.WriteAllText(Authority, authority.ExportCertificatePem());
        File.WriteAllText(Certificate, member.ExportCertificatePem());
        File.WriteAllText(Key, key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The file of its own certificate.</summary>
    public string Authority => Path.Combine(_folder.FullName, "ca.pem");

    /// <summary>The file of a certificate of it.</summary>
    public string Certificate => Path.Combine(_folder.FullName, "member.pem");

    /// <summary>The file of that certificate's key.</summary>
    public string Key => Path.Combine(_folder.FullName, "member.key");

    /// <summary>The arguments of a member.</summary>
    public IEnumerable<string> Arguments => ["--tls-certificate", Certificate, "--tls-key", Key, "--tls-ca", Authority];

    public void Dispose() => _folder.Delete(recursive: true);
}
