/// A stream that is used on trial: until `keep` is called it is its lender's, and closing it only lets go of it.
package protocol LentStream: ByteStream {
    func keep()
}
