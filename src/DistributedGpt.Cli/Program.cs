Console.Error.WriteLine("dgpt 0.1.0");
return 0;
