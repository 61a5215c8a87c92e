package plane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

const validity = 10 * 365 * 24 * time.Hour

// authority signs the certificates of one plane.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// makeCerts makes what the components need to know each other: an authority, the API server's certificate for clients
// and towards the node agent, the key that signs service account tokens, and the tokens. It is done once in a folder:
// tokens and kubeconfigs handed out stay good when the plane is started there again.
func makeCerts(l layout, external *externalNode) error {
	if _, err := os.Stat(l.tokens()); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ca, err := newAuthority(l)
	if err != nil {
		return err
	}
	serving := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(serviceAPIAddress)},
	}
	if external.wanted() {
		serving.IPAddresses = append(serving.IPAddresses, external.address)
	}
	if err := ca.issue(serving, l.cert("apiserver")); err != nil {
		return err
	}
	client := &x509.Certificate{
		// A kubelet asks back what its client may do; our node agent takes whom the authority has signed.
		Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := ca.issue(client, l.cert("kubelet-client")); err != nil {
		return err
	}
	if _, err := newKey(l.serviceAccountKey()); err != nil {
		return err
	}
	return writeTokens(l, append(external.users(), users...)) // last: its presence says that the others are there
}

func newAuthority(l layout) (*authority, error) {
	key, err := newKey(l.cert("ca") + ".key")
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	identifier := sha256.Sum256(public)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localplane"},
		SubjectKeyId:          identifier[:20], // strict clients want to see it named in what it signs
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	ca := &authority{certificate: template, key: key}
	return ca, ca.sign(template, key, l.cert("ca"))
}

// issue makes a key and a certificate for it, as path.key and path.crt.
func (a *authority) issue(template *x509.Certificate, path string) error {
	key, err := newKey(path + ".key")
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return a.sign(template, key, path)
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey, path string) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour) // the clock of whoever looks may be behind
	template.NotAfter = time.Now().Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("make the certificate %s.crt: %w", path, err)
	}
	return writePEM(path+".crt", "CERTIFICATE", der)
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// user is a client with a token of its own, so that an audit log tells it apart.
type user struct{ name, group string }

var users = []user{
	{administrator, "system:masters"},
	{controllerManager, ""}, // its rights come with the API server's default roles
	{nodeAgent, "system:masters"},
}

const (
	administrator     = "localplane-admin"
	controllerManager = "system:kube-controller-manager"
	nodeAgent         = "localplane-node"
)

func writeTokens(l layout, users []user) error {
	var table []byte
	for _, user := range users {
		secret := make([]byte, 24)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		token := hex.EncodeToString(secret)
		table = fmt.Appendf(table, "%s,%s,%s", token, user.name, user.name)
		if user.group != "" {
			table = fmt.Appendf(table, ",%s", user.group)
		}
		table = append(table, '\n')
		if err := os.WriteFile(l.token(user.name), []byte(token), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(l.tokens(), table, 0o600)
}
